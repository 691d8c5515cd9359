"""Where the work of an audit is done."""
