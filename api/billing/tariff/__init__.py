"""What is sold and what work costs, from one file."""
