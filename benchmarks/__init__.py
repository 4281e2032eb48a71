"""What the product costs, measured on whole processes; each module is a command."""
