"""Runs that wait: woken when their time comes, told to the operator's addresses, found again after a restart."""
