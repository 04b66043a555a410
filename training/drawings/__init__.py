"""Pictures that are drawn by code, to learn lettering and line art from: photographs have little of either."""
