"""What a network costs, and how that is shown."""
