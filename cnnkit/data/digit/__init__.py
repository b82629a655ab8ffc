"""Pictures of digits: finding the ink."""
