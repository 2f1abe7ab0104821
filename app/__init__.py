"""The reader's side: looks at what was published and never at what is being written."""
