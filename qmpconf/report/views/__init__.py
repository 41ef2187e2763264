"""Views: one module a format, each with `page(report)`, made from a `Report` alone."""
