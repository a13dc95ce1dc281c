"""What a network's filters are, and how much each matters."""
