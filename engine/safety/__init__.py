"""What every frame passes before it leaves: frame rules and the visible mark."""
