"""Types that cross a border between components: columns, targets, weights."""
