"""Where things are kept: three small abstract classes, and a file for each driver. Stores know no rules."""
