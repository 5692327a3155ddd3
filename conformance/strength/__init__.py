"""How good the suite is: trials, measurement, known mistakes."""
