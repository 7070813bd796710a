"""`python -m tutelage`: the command, for `torchrun -m tutelage` too."""

from tutelage.cli import main

if __name__ == "__main__":
    main()
