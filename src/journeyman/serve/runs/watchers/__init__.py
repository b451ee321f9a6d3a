"""Who follows a run: what is put out for each of them, how it is told, who else is there."""
