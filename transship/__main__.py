"""`python -m transship`: the command line."""

from transship.cli.app import main

if __name__ == "__main__":
    main()
