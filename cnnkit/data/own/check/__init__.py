"""What spoils a training, found before it: `check_folder(Path("signs"))`."""
