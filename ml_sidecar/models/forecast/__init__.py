"""Parts of the forecaster: what it remembers, what it sees, what it learns, what it promises."""
