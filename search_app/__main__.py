"""`python -m search_app COMMAND`."""

from search_app.cli.program import main

if __name__ == "__main__":
    raise SystemExit(main())
