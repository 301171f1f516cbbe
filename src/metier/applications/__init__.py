"""What people do with the program: compositions of the other rooms."""
