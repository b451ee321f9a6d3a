"""The rows, by kind; `addresses` works out those that take more than one environment variable."""
