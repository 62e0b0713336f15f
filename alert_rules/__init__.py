"""Recording rules, alerting rules and server configuration as Python."""
