//! What is written as an operator or a literal, and is a call of a bounded function.
//!
//! The engine plans `||`, `[a, b]`, `MAP {k: v}` and `OVERLAY(...)` as functions of its own, whatever is
//! registered under their names. Asked first, this plans them as the bounded ones; what it does not know it
//! leaves to the engine, which also finds the words for what cannot be planned at all.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::utils::list_ndims;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Placeholder, ScalarFunction};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{ExprSchemable, ScalarUDF};
use datafusion::prelude::Expr;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::text;

/// Plans them.
#[derive(Debug)]
pub(super) struct Operators {
    together: Arc<ScalarUDF>,
    /// The bounded functions by name.
    functions: HashMap<&'static str, Arc<ScalarUDF>>,
}

impl Operators {
    /// With these functions.
    pub(super) fn new(functions: HashMap<&'static str, Arc<ScalarUDF>>) -> Self {
        Self {
            together: Arc::new(text::function()),
            functions,
        }
    }

    /// A call of a bounded function; without it the arguments come back.
    fn call(&self, name: &str, args: Vec<Expr>) -> PlannerResult<Vec<Expr>> {
        match self.functions.get(name) {
            Some(function) => PlannerResult::Planned(called(function, args)),
            None => PlannerResult::Original(args),
        }
    }

    /// `||` of what is no list; after a text it is one more part of the same call.
    fn together(&self, left: Expr, right: Expr, left_kind: &DataType) -> Expr {
        let textual = matches!(
            left_kind,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
        );
        match left {
            Expr::ScalarFunction(mut call) if textual && call.func.name() == text::NAME => {
                call.args.push(right);
                Expr::ScalarFunction(call)
            }
            left => called(&self.together, vec![left, right]),
        }
    }
}

fn called(function: &Arc<ScalarUDF>, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), args))
}

/// Gives a placeholder the type of what stands beside it, as the engine does for its own operator;
/// whether there was one.
fn inferred(expr: &mut Expr, beside: &Expr, schema: &DFSchema) -> Result<bool> {
    if let Expr::Placeholder(Placeholder { field, .. }) = expr
        && field.is_none()
    {
        let (_, known) = beside.to_field(schema)?;
        *field = Some(Arc::new(known.as_ref().clone().with_nullable(true)));
        return Ok(true);
    }
    Ok(false)
}

impl ExprPlanner for Operators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if expr.op != BinaryOperator::StringConcat {
            return Ok(PlannerResult::Original(expr));
        }
        let RawBinaryExpr {
            op,
            mut left,
            mut right,
        } = expr;
        let mut kinds = (left.get_type(schema)?, right.get_type(schema)?);
        let name = match (list_ndims(&kinds.0), list_ndims(&kinds.1)) {
            (0, 0) => {
                let one = inferred(&mut left, &right, schema)?;
                let other = inferred(&mut right, &left, schema)?;
                if one || other {
                    kinds = (left.get_type(schema)?, right.get_type(schema)?);
                }
                return Ok(match text::joined(&kinds.0, &kinds.1) {
                    Ok(_) => PlannerResult::Planned(self.together(left, right, &kinds.0)),
                    Err(_) => PlannerResult::Original(RawBinaryExpr { op, left, right }),
                });
            }
            (left, right) if left == right => "array_concat",
            (left, right) if left > right => "array_append",
            _ => "array_prepend",
        };
        Ok(match self.functions.get(name) {
            Some(function) => PlannerResult::Planned(called(function, vec![left, right])),
            None => PlannerResult::Original(RawBinaryExpr { op, left, right }),
        })
    }

    fn plan_array_literal(
        &self,
        exprs: Vec<Expr>,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(self.call("make_array", exprs))
    }

    fn plan_overlay(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(self.call("overlay", args))
    }

    fn plan_make_map(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let (Some(list), Some(map)) = (self.functions.get("make_array"), self.functions.get("map"))
        else {
            return Ok(PlannerResult::Original(args));
        };
        if !args.len().is_multiple_of(2) {
            return Ok(PlannerResult::Original(args));
        }
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (at, arg) in args.into_iter().enumerate() {
            match at % 2 {
                0 => keys.push(arg),
                _ => values.push(arg),
            }
        }
        let both = vec![called(list, keys), called(list, values)];
        Ok(PlannerResult::Planned(called(map, both)))
    }
}
