"""Names that only frameworks call; vulture reads this file as their use."""
