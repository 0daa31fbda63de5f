//! Sums with more than 32 digits: a float, what rounding it left over, and what rounding that left over (Klein, "A
//! Generalized Kahan-Babuška-Summation-Algorithm", Computing 76, 2006; products by Dekker, 1971).

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Exact {
    sum: f64,
    rest: f64,
    least: f64,
}

/// Two floats that stand for their sum.
#[derive(Debug, Clone, Copy)]
pub struct Double {
    high: f64,
    low: f64,
}

impl Exact {
    pub fn of(number: f64) -> Exact {
        Exact { sum: number, rest: 0.0, least: 0.0 }
    }

    pub fn float(&self) -> f64 {
        let Double { high, low } = self.double();
        high + low
    }

    pub fn add(&mut self, number: f64) {
        let (sum, rest) = two_sum(self.sum, number);
        let (rest, least) = two_sum(self.rest, rest);
        *self = Exact { sum, rest, least: self.least + least };
    }

    pub fn add_product(&mut self, left: f64, right: f64) {
        // Most units have no covariate, and many the value zero.
        if left == 0.0 || right == 0.0 {
            return;
        }
        let product = left * right;
        self.add(product);
        self.add(left.mul_add(right, -product));
    }

    pub fn merge(&mut self, other: &Exact) {
        self.add(other.sum);
        self.add(other.rest);
        self.add(other.least);
    }

    pub fn double(&self) -> Double {
        let (high, low) = two_sum(self.sum, self.rest);
        normal(high, low + self.least)
    }
}

impl Double {
    pub fn float(self) -> f64 {
        self.high + self.low
    }

    pub fn minus(self, other: Double) -> Double {
        let (high, low) = two_sum(self.high, -other.high);
        let (rest, least) = two_sum(self.low, -other.low);
        let first = normal(high, low + rest);
        normal(first.high, first.low + least)
    }

    pub fn times(self, other: Double) -> Double {
        let high = self.high * other.high;
        let rest = self.high.mul_add(other.high, -high);
        normal(high, rest + (self.high * other.low + self.low * other.high))
    }

    pub fn over(self, number: f64) -> Double {
        let high = self.high / number;
        let rest = (-high).mul_add(number, self.high) + self.low;
        normal(high, rest / number)
    }
}

/// The sum, and exactly what it lacks (Knuth).
fn two_sum(left: f64, right: f64) -> (f64, f64) {
    let sum = left + right;
    let of_right = sum - left;
    (sum, (left - (sum - of_right)) + (right - of_right))
}

/// Where `low` is the smaller one.
fn normal(high: f64, low: f64) -> Double {
    let sum = high + low;
    Double { high: sum, low: low - (sum - high) }
}
