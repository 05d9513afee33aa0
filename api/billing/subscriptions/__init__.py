"""Plans and packs as a person buys and changes them."""
