"""Shows the life of a SuperTicket in minutes: generated data, a training, a table, a picture."""
