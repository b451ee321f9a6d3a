"""What commands show: events, facts, runs and bills on a screen."""
