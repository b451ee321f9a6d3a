"""One flat file per outside thing, `<protocol>_<thing>.py`."""
