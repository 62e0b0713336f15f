"""Parts of the pattern clusterer: how a day of behaviour is described, and how a group of days is named."""
