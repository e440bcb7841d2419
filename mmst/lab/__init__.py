"""Studies the method: studies, reports, pictures, generated data. Nothing outside imports it."""
