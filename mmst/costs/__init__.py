"""Parameters, multiply-adds and memory of a network, and tables of them."""
