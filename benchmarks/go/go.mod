module feedmill/benchmarks

go 1.19
