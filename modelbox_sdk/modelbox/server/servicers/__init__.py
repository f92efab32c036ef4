"""A class for each group of calls, with a method for each call, named like it."""
