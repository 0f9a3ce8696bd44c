"""Run the command line with ``python -m mtner_cli``."""

from mtner_cli.cli.app import main

if __name__ == "__main__":
    main()
