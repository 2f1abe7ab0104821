"""One drawing function per question; none of them reads the warehouse."""
