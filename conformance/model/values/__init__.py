"""Values that records and programs exchange: their form, their sizes, their formats."""
