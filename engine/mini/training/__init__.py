"""How the bundled model comes to be: its parts, the stages that train them, and what each stage learns from."""
