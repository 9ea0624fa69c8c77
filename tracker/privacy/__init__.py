"""What people may know and ask of the data kept about them."""
