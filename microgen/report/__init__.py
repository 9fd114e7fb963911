"""What people read: the lines and tables of a terminal, and the HTML page."""
