//! Why storage failed, in Chinese.

use super::{AdoptError, StorageError, documents::DocumentError};
use crate::lang::Zh;

impl Zh for StorageError {
    fn zh(&self) -> String {
        match self {
            StorageError::Documents(error) => error.zh(),
            StorageError::File(error) => error.zh(),
            StorageError::Table(error) => error.zh(),
            StorageError::Charter(error) => {
                format!("已存储的章程不成立（{}）：请用新的数据目录重新加入联盟", error.zh())
            }
            StorageError::Damaged => "一条存储记录已损坏：请重启节点，节点会从其他成员恢复".to_owned(),
        }
    }
}

impl Zh for AdoptError {
    fn zh(&self) -> String {
        match self {
            AdoptError::InForce(number) => format!("第 {number} 版就是这份章程：无需采用"),
            AdoptError::NoOtherSide { in_force, found } => {
                format!("该章程为第 {found} 版，本节点只有第2至{in_force}版可能存在分叉：请采用两方开始不同的那一版")
            }
            AdoptError::Charter(number, error) => {
                format!("该章程没有接续双方共有的第 {number} 版（{}）：请采用两方开始不同的那一版", error.zh())
            }
            AdoptError::Storage(error) => error.zh(),
        }
    }
}

impl Zh for DocumentError {
    fn zh(&self) -> String {
        match self {
            DocumentError::Full { directory } => {
                format!("文档库没有剩余空间：请在 {} 所在磁盘上释放空间后重试，已存数据没有丢失", directory.display())
            }
            // Wrong use by our own side; the English text says which bound.
            DocumentError::TooLarge { found, most, .. } => {
                format!("文档库的一次写入超出上限（{found}，上限 {most}）：请拆分后重试")
            }
            DocumentError::Damaged { directory } => {
                format!("{} 中的文档库已损坏：请重启节点，节点会将其移开并重建", directory.display())
            }
            DocumentError::Stuck { directory } => {
                format!("{} 中的数据库没有响应：请检查磁盘并重启节点", directory.display())
            }
            DocumentError::File(error) => error.zh(),
        }
    }
}
