"""Pictures of numbers, as inline SVG."""
