"""`python -m ml_sidecar` is `rapidapi-ml`."""

from ml_sidecar.cli import main

main()
