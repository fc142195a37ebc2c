"""``python -m retrofit``: the command line where no console script is installed."""

from .cli import main

if __name__ == "__main__":
    main.main()
