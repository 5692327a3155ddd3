"""Cases from tables, judged by the chapters' checks."""
