"""One member of each door, as a third party would add them: nothing of it is in the package."""
