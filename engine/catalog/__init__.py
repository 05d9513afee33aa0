"""What each model can do, as data. No torch."""
