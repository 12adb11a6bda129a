"""`python -m sign_etl` is `sign-etl`."""

from sign_etl.cli.main import main

if __name__ == "__main__":  # spawned workers import this module again
    main()
