"""From what a user asks to what a run needs: data defaults, grids of values, new projects."""
