"""Read documents of raw text from files of many formats; annotations in them are ignored."""
