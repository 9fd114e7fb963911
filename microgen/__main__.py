"""Entry point: `python -m microgen`, and the program `microgen`."""

from .cli.main import main

if __name__ == "__main__":
    main()
