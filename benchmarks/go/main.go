// The design that feedmill began with, as a peer: one reader, a channel of jobs, workers, a channel of results, a
// collector; one record a job. It checks the products' feed by the rules of product.schema.json and prints what
// became of the records and what that took, as JSON.
//
//	go build -o peer . && ./peer FEED.csv [WORKERS]
package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"
)

const columns = 14

// Product is a good record.
type Product struct {
	DealerCode, SKU, GTIN, Title, Brand, Category string
	Cents                                         int64
	Currency                                      string
	Stock                                         int64
	Condition, URL                                string
	UpdatedAt                                     time.Time
	WeightKg                                      float64
	Description                                   string
}

var errBad = errors.New("bad record")

func main() {
	workers := runtime.GOMAXPROCS(0)
	if len(os.Args) > 2 {
		workers, _ = strconv.Atoi(os.Args[2])
	}
	started := time.Now()
	good, bad := process(os.Args[1], workers)
	elapsed := time.Since(started).Seconds()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	peak, err := peakMB()
	if err != nil {
		panic(err)
	}
	cpu := float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
	err = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"good": good, "bad": bad, "cpu_s": cpu, "elapsed_s": elapsed, "peak_mb": peak,
		"version": runtime.Version(),
	})
	if err != nil {
		panic(err)
	}
}

// peakMB reads the most memory that this program has had; what getrusage tells begins with its parent's.
func peakMB() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kilobytes * 1024 / 1e6, err
}

func process(path string, workers int) (good, bad int) {
	jobs := make(chan []string, 100)
	results := make(chan *Product, 100)
	go read(path, jobs)
	var group sync.WaitGroup
	for i := 0; i < workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for cells := range jobs {
				product, err := check(cells)
				if err != nil {
					product = nil
				}
				results <- product
			}
		}()
	}
	go func() {
		group.Wait()
		close(results)
	}()
	for product := range results {
		if product == nil {
			bad++
		} else {
			good++
		}
	}
	return good, bad
}

func read(path string, jobs chan<- []string) {
	defer close(jobs)
	file, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.FieldsPerRecord = -1
	if _, err := reader.Read(); err != nil {
		panic(err)
	}
	for {
		cells, err := reader.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			cells = nil
		}
		jobs <- cells
	}
}

func check(cells []string) (*Product, error) {
	if len(cells) != columns {
		return nil, errBad
	}
	for _, cell := range cells {
		if !utf8.ValidString(cell) {
			return nil, errBad
		}
	}
	p := &Product{
		DealerCode: strings.TrimSpace(cells[0]), SKU: strings.TrimSpace(cells[1]), GTIN: cells[2],
		Title: strings.Join(strings.Fields(cells[3]), " "), Brand: strings.TrimSpace(cells[4]), Category: cells[5],
		Currency: cells[7], Condition: strings.ToLower(cells[9]), URL: cells[10], Description: cells[13],
	}
	if !isText(p.DealerCode, 1, 16) || !isText(p.SKU, 1, 64) || !isText(p.Title, 1, 150) ||
		!isText(p.Brand, 0, 70) || !isText(p.Description, 0, 5000) {
		return nil, errBad
	}
	if p.GTIN != "" && !isGTIN(p.GTIN) {
		return nil, errBad
	}
	var err error
	if p.Cents, err = cents(cells[6]); err != nil || p.Cents < 1 {
		return nil, errBad
	}
	if p.Stock, err = strconv.ParseInt(cells[8], 10, 64); err != nil || p.Stock < 0 || p.Stock > 1000000 {
		return nil, errBad
	}
	if p.Currency != "BRL" && p.Currency != "USD" && p.Currency != "EUR" {
		return nil, errBad
	}
	if p.Condition != "new" && p.Condition != "used" && p.Condition != "refurbished" {
		return nil, errBad
	}
	if parsed, err := url.Parse(p.URL); err != nil || parsed.Scheme == "" || strings.IndexFunc(p.URL, unicode.IsSpace) >= 0 {
		return nil, errBad
	}
	if p.UpdatedAt, err = time.Parse(time.RFC3339, cells[11]); err != nil {
		return nil, errBad
	}
	if cells[12] != "" {
		if p.WeightKg, err = strconv.ParseFloat(cells[12], 64); err != nil || p.WeightKg <= 0 {
			return nil, errBad
		}
	}
	return p, nil
}

func isText(text string, least, most int) bool {
	n := utf8.RuneCountInString(text)
	return least <= n && n <= most
}

func isGTIN(text string) bool {
	if n := len(text); n != 8 && n != 12 && n != 13 && n != 14 {
		return false
	}
	total := 0
	for i := 0; i < len(text); i++ {
		digit := int(text[len(text)-1-i] - '0')
		if digit < 0 || digit > 9 {
			return false
		}
		if i%2 == 1 {
			digit *= 3
		}
		total += digit
	}
	return total%10 == 0
}

// cents reads an amount of at most ten digits before the point and two after it, exactly.
func cents(text string) (int64, error) {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if len(whole) == 0 || len(whole) > 10 || len(fraction) > 2 {
		return 0, errBad
	}
	value, err := strconv.ParseUint(whole+(fraction + "00")[:2], 10, 63)
	if err != nil {
		return 0, errBad
	}
	if strings.HasPrefix(text, "-") {
		return -int64(value), nil
	}
	return int64(value), nil
}
