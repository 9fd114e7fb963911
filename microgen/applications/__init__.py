"""What a board does with its model besides answering the serial commands."""
