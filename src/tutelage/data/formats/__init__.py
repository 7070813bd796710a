"""The shapes of rows we can read: one module each, registered in `tutelage.data.format.FORMATS`."""
