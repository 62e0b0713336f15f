"""Models, one file each behind the protocols of `base`."""
